/** Invented stories of an invented town, and the older pages of a quiet blog. */

export const STORIES = [
  ["Harbour bridge closes after inspectors find cracks in two piers", "Maren Holt", "Local"],
  ["Live: council votes on the night ferry as crowds gather outside", "Idris Bell", "Politics"],
  ["What the new flood map means for your street", "Saoirse Lind", "Local"],
  ["Tide tables were wrong for eleven years, and nobody noticed", "Tomas Arvidsson", "Science"],
  ["Rents fall for the first time since 2009", "Priya Nadar", "Business"],
  ["A lighthouse keeper's last week at work", "Saoirse Lind", "Features"],
  ["Rovers sack manager three days before the derby", "Dele Okafor", "Sport"],
  ["Why your electricity bill changes at 4 p.m.", "Priya Nadar", "Business"],
  ["Fishing fleet agrees to share its catch data with scientists", "Tomas Arvidsson", "Science"],
  ["The school that teaches every lesson outdoors", "Lena Fischer", "Education"],
  ["Mayor's diary: the meetings that were left out", "Idris Bell", "Politics"],
  ["Storm Agnes: trains stop at noon, ferries at two", "Maren Holt", "Local"],
  ["Five soups for a wet week", "Noor Haddad", "Food"],
  ["Old cinema sold to a choir for one pound", "Lena Fischer", "Culture"],
  ["Hospital wait times halve after a change in the rota", "Maren Holt", "Health"],
  ["How a spreadsheet error moved a national border by nine metres", "Tomas Arvidsson", "Science"],
  ["Teenager cycles the whole coast, one library at a time", "Saoirse Lind", "Features"],
  ["Derby preview: the goalkeeper who reads penalties", "Dele Okafor", "Sport"],
  ["Bakery queue reaches the next town", "Noor Haddad", "Food"],
  ["Explained: who pays when a cruise ship leaves early", "Priya Nadar", "Business"],
  ["Opinion: give the quay back to people on foot", "Idris Bell", "Opinion"],
  ["The orchestra that rehearses in a car park", "Lena Fischer", "Culture"],
  ["Beavers return to the upper river and the anglers are not amused", "Tomas Arvidsson", "Science"],
  ["Obituary: Edda Karlsen, who drew every street by hand", "Saoirse Lind", "Features"],
  ["Budget at a glance: the seven numbers that matter", "Priya Nadar", "Politics"],
  ["Nurses' union accepts the offer by a narrow vote", "Maren Holt", "Health"],
  ["Weekend quiz: which of these islands is real?", "Noor Haddad", "Culture"],
  ["Women's team wins in the last minute of added time", "Dele Okafor", "Sport"],
  ["Inside the control room that keeps the tide gates shut", "Idris Bell", "Local"],
  ["Letters: in praise of the slow train", null, "Opinion"],
  ["A beginner's guide to sea swimming in November", "Noor Haddad", "Health"],
  ["Ten photographs from the night the power went out", "Lena Fischer", "Culture"],
  ["Correction: the bridge has four piers, not five", null, null],
  ["Market report: fish, flowers and one grand piano", "Priya Nadar", "Business"],
  ["How we counted the potholes", "Tomas Arvidsson", "Local"],
];

/** Whoever publishes a page writes its title, so a title may be an attack. */
export const HOSTILE = [
  `<img src=x onerror="document.title='owned'"> breaking news`,
  `Averylongwordwithoutanyspace${"tide".repeat(40)}`,
  `\u202egnp.tfel ot thgir morf daer eltit A`,
];

export const ARCHIVE_PAGES = [
  "/", "/notes/sharpening-chisels.html", "/boats/", "/style.css", "/notes/knots-that-hold/",
  "/notes/how-to-read-a-barometer/", "/boats/varnish/2012-compared.html", "/tools/tidecalc/",
  "/notes/oars/", "/talks/wooden-masts/", "/tags/rope", "/notes/caulking/", "/robots.txt",
  "/files/tides-2014.csv", "/notes/a-better-bilge-pump.html", "/tools/compass-demo",
  "/images/title.gif", "/notes/sailing-past-a-closed-harbour.html", "/boats/dinghy/", "/about/",
];

export const DOMAINS = {
  search: ["google.com", "bing.com", "duckduckgo.com", "ecosia.org"],
  social: ["facebook.com", "reddit.com", "bsky.app", "t.co"],
  internal: ["dailytide.example"],
  direct: [],
  other: ["news.ycombinator.com", "weather.example", "townforum.example", "newsletter.example"],
};
