//! TLS, SASL and rights, which are not served yet.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "There is no TLS, SASL or authorizer yet; kept and told.";

/// These settings, by name.
pub(super) static SECURITY: &[BrokerSetting] = settings! {
    "authorizer.class.name": String = Some(""), Range::Any, Start, false, KEPT;
    "connection.failed.authentication.delay.ms": Int = Some("100"), Range::AtLeast(0), Start, false, KEPT;
    "connections.max.reauth.ms": Long = Some("0"), Range::Any, Start, false, KEPT;
    "delegation.token.expiry.check.interval.ms": Long = Some("3600000"), Range::AtLeast(1), Start, false, KEPT;
    "delegation.token.expiry.time.ms": Long = Some("86400000"), Range::AtLeast(1), Start, false, KEPT;
    "delegation.token.max.lifetime.ms": Long = Some("604800000"), Range::AtLeast(1), Start, false, KEPT;
    "delegation.token.secret.key": Password = None, Range::Any, Start, false, KEPT;
    "principal.builder.class": Class = Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"), Range::Any, Node, false,
        KEPT;
    "sasl.client.callback.handler.class": Class = None, Range::Any, Start, false, KEPT;
    "sasl.enabled.mechanisms": List = Some("GSSAPI"), Range::Any, Node, false, KEPT;
    "sasl.jaas.config": Password = None, Range::Any, Node, false, KEPT;
    "sasl.kerberos.kinit.cmd": String = Some("/usr/bin/kinit"), Range::Any, Node, false, KEPT;
    "sasl.kerberos.min.time.before.relogin": Long = Some("60000"), Range::Any, Node, false, KEPT;
    "sasl.kerberos.principal.to.local.rules": List = Some("DEFAULT"), Range::Any, Node, false, KEPT;
    "sasl.kerberos.service.name": String = None, Range::Any, Node, false, KEPT;
    "sasl.kerberos.ticket.renew.jitter": Double = Some("0.05"), Range::Any, Node, false, KEPT;
    "sasl.kerberos.ticket.renew.window.factor": Double = Some("0.8"), Range::Any, Node, false, KEPT;
    "sasl.login.callback.handler.class": Class = None, Range::Any, Start, false, KEPT;
    "sasl.login.class": Class = None, Range::Any, Start, false, KEPT;
    "sasl.login.connect.timeout.ms": Int = None, Range::Any, Start, false, KEPT;
    "sasl.login.read.timeout.ms": Int = None, Range::Any, Start, false, KEPT;
    "sasl.login.refresh.buffer.seconds": Short = Some("300"), Range::Any, Node, false, KEPT;
    "sasl.login.refresh.min.period.seconds": Short = Some("60"), Range::Any, Node, false, KEPT;
    "sasl.login.refresh.window.factor": Double = Some("0.8"), Range::Any, Node, false, KEPT;
    "sasl.login.refresh.window.jitter": Double = Some("0.05"), Range::Any, Node, false, KEPT;
    "sasl.login.retry.backoff.max.ms": Long = Some("10000"), Range::Any, Start, false, KEPT;
    "sasl.login.retry.backoff.ms": Long = Some("100"), Range::Any, Start, false, KEPT;
    "sasl.mechanism.controller.protocol": String = Some("GSSAPI"), Range::Any, Start, false, KEPT;
    "sasl.mechanism.inter.broker.protocol": String = Some("GSSAPI"), Range::Any, Node, false, KEPT;
    "sasl.oauthbearer.assertion.algorithm": String = Some("RS256"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.aud": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.exp.seconds": Int = Some("300"), Range::Between(0, 86_400), Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.iss": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.jti.include": Boolean = Some("false"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.nbf.seconds": Int = Some("60"), Range::Between(0, 3_600), Start, false, KEPT;
    "sasl.oauthbearer.assertion.claim.sub": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.file": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.private.key.file": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.private.key.passphrase": Password = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.assertion.template.file": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.client.credentials.client.id": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.client.credentials.client.secret": Password = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.clock.skew.seconds": Int = Some("30"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.expected.audience": List = Some(""), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.expected.issuer": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.jwks.endpoint.refresh.ms": Long = Some("3600000"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": Long = Some("10000"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": Long = Some("100"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.jwks.endpoint.url": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.jwt.retriever.class": Class = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"), Range::Any, Start, false,
        KEPT;
    "sasl.oauthbearer.jwt.validator.class": Class = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"), Range::Any, Start, false,
        KEPT;
    "sasl.oauthbearer.scope": String = None, Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.scope.claim.name": String = Some("scope"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.sub.claim.name": String = Some("sub"), Range::Any, Start, false, KEPT;
    "sasl.oauthbearer.token.endpoint.url": String = None, Range::Any, Start, false, KEPT;
    "sasl.server.callback.handler.class": Class = None, Range::Any, Start, false, KEPT;
    "sasl.server.max.receive.size": Int = Some("524288"), Range::Any, Start, false, KEPT;
    "security.inter.broker.protocol": String = Some("PLAINTEXT"), Range::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Start, false,
        KEPT;
    "security.providers": String = None, Range::Any, Start, false, KEPT;
    "ssl.allow.dn.changes": Boolean = Some("false"), Range::Any, Start, false, KEPT;
    "ssl.allow.san.changes": Boolean = Some("false"), Range::Any, Start, false, KEPT;
    "ssl.cipher.suites": List = Some(""), Range::Any, Node, false, KEPT;
    "ssl.client.auth": String = Some("none"), Range::OneOf(&["required", "requested", "none"]), Node, false, KEPT;
    "ssl.enabled.protocols": List = Some("TLSv1.2,TLSv1.3"), Range::Any, Node, false, KEPT;
    "ssl.endpoint.identification.algorithm": String = Some("https"), Range::Any, Node, false, KEPT;
    "ssl.engine.factory.class": Class = None, Range::Any, Node, false, KEPT;
    "ssl.key.password": Password = None, Range::Any, Node, false, KEPT;
    "ssl.keymanager.algorithm": String = Some("SunX509"), Range::Any, Node, false, KEPT;
    "ssl.keystore.certificate.chain": Password = None, Range::Any, Node, false, KEPT;
    "ssl.keystore.key": Password = None, Range::Any, Node, false, KEPT;
    "ssl.keystore.location": String = None, Range::Any, Node, false, KEPT;
    "ssl.keystore.password": Password = None, Range::Any, Node, false, KEPT;
    "ssl.keystore.type": String = Some("JKS"), Range::Any, Node, false, KEPT;
    "ssl.principal.mapping.rules": String = Some("DEFAULT"), Range::Any, Start, false, KEPT;
    "ssl.protocol": String = Some("TLSv1.3"), Range::Any, Node, false, KEPT;
    "ssl.provider": String = None, Range::Any, Node, false, KEPT;
    "ssl.secure.random.implementation": String = None, Range::Any, Node, false, KEPT;
    "ssl.trustmanager.algorithm": String = Some("PKIX"), Range::Any, Node, false, KEPT;
    "ssl.truststore.certificates": Password = None, Range::Any, Node, false, KEPT;
    "ssl.truststore.location": String = None, Range::Any, Node, false, KEPT;
    "ssl.truststore.password": Password = None, Range::Any, Node, false, KEPT;
    "ssl.truststore.type": String = Some("JKS"), Range::Any, Node, false, KEPT;
};
