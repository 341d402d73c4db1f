//! `POST /v1/import?site=…`: an access log over HTTP.
