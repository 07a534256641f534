"""The page as it is served: its files, its security headers, App Check, and what an operator is told."""

import functools
import hashlib
import json
import re
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Route, expect

from colorize_service.server.web import FOLDER
from tests.support.gateway import Nginx
from tests.support.http import assert_error
from tests.support.key_server import APP_ID, PROJECT
from tests.support.service import ROOT

CAMERA = ROOT / "examples" / "camera.jpg"
WEB_APP = {
    "FIREBASE_WEB_API_KEY": "web-api-key",
    "FIREBASE_WEB_APP_ID": APP_ID,
    "RECAPTCHA_SITE_KEY": "site-key",
    "RECAPTCHA_KIND": "v3",
}


def policy(response: requests.Response) -> dict[str, str]:
    """The Content-Security-Policy by its directives."""
    directives = response.headers["Content-Security-Policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


# --- files -----------------------------------------------------------------------------------------------------------


def test_every_file_that_the_page_names_is_there_with_its_type(url):
    html = requests.get(f"{url}/", timeout=30)
    assert html.headers["Content-Type"] == "text/html; charset=utf-8"
    names = re.findall(r'(?:href|src)="(page/[^"]+)"', html.text)
    assert len(names) > 10
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "jpg": "image/jpeg"}
    for name in names:
        response = requests.get(urljoin(f"{url}/", name), timeout=30)
        assert response.status_code == 200
        assert response.headers["Content-Type"].split(";")[0] == types[name.rpartition(".")[2]]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def imported(*names: str) -> set[str]:
    """The modules that those import, and they themselves; not those that are imported later, by a call."""
    found, left = set(), set(names)
    while left:
        name = left.pop()
        found.add(name)
        left |= set(re.findall(r'from "\./([\w-]+\.js)"', (FOLDER / "js" / name).read_text())) - found
    return found


def test_all_modules_are_loaded_ahead_but_those_that_wait_for_the_first_photo():
    ahead = imported("main.js")
    assert set(re.findall(r"page/js/([\w-]+\.js)", (FOLDER / "index.html").read_text())) == ahead
    calls = [re.findall(r'import\("\./([\w-]+\.js)"\)', (FOLDER / "js" / name).read_text()) for name in ahead]
    later = imported(*(name for names in calls for name in names))
    assert "palette.js" in later - ahead
    assert {path.name for path in (FOLDER / "js").iterdir()} == ahead | later


def test_the_vendored_files_are_the_released_ones():
    readme = (FOLDER / "vendor" / "README.md").read_text()
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", readme, re.MULTILINE)
    assert len(sums) == 2
    for digest, name in sums:
        assert hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/js/main.js", "/docs"])
def test_texts_travel_packed_to_those_who_take_that(url, path):
    plain, packed = (
        requests.get(url + path, headers={"Accept-Encoding": coding}, timeout=30) for coding in ("gzip;q=0", "br, gzip")
    )
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < 0.6 * int(plain.headers["Content-Length"])
    assert plain.content == packed.content
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert all("Accept-Encoding" in response.headers["Vary"] for response in (plain, packed))


def test_a_browser_that_has_a_file_is_not_sent_it_again(url):
    for path in ("/", "/page/style.css"):
        first = requests.get(url + path, timeout=30)
        assert first.headers["Cache-Control"] == "no-cache"
        again = requests.get(url + path, headers={"If-None-Match": first.headers["ETag"]}, timeout=30)
        assert again.status_code == 304 and not again.content


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/page/",
        "/page/index.html",
        "/page/nothing.js",
        "/page/../settings.py",
        "/page/%2e%2e/settings.py",
        "/page/vendor/README.md",
        "/page/js",
        "/page//etc/passwd",
        "/page/style.css/",
    ],
)
def test_what_is_no_file_of_the_page_is_404_in_json(api, path):
    request = requests.Request("GET", api.url + "/").prepare()
    request.url = api.url + path  # requests would tidy it up
    assert_error(requests.Session().send(request, timeout=30), 404)


def test_a_wrong_method_is_405_in_json(api):
    for path in ("/", "/page/style.css", "/page/settings.json"):
        response = api.post(path)
        assert_error(response, 405)
        assert "GET" in response.headers["Allow"]


def test_the_page_needs_no_token_and_comes_through_nginx(api):
    for path in ("/", "/page/js/main.js", "/page/settings.json"):
        assert requests.get(api.url + path, timeout=30).status_code == 200


def test_behind_a_prefix_the_page_works(visit, serve, photo_path, tmp_path):
    service = serve(TRUSTED_PROXIES=1, PUBLIC_BASE_URL="https://photos.example.com/colours")
    changes = {
        "location / {": "location /colours/ {",
        "proxy_pass http://colorize;": "proxy_pass http://colorize/;",
        'X-Forwarded-Prefix "";': 'X-Forwarded-Prefix "/colours";',
    }
    with Nginx(tmp_path, service.port, **changes) as nginx:
        visitor = visit(f"{nginx.url}/colours")
        visitor.choose(photo_path)
        visitor.wait_for_result()
        assert all(address.startswith((f"{nginx.url}/colours/", "blob:")) for address in visitor.requests)
        assert visitor.page.evaluate("document.getElementById('after').naturalWidth") == 451
        visitor.page.context.close()


# --- what the browser may do -----------------------------------------------------------------------------------------


def test_the_page_may_load_and_call_nothing_but_its_own_service(url):
    response = requests.get(f"{url}/", timeout=30)
    allowed = policy(response)
    assert allowed["default-src"] == allowed["frame-ancestors"] == allowed["base-uri"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == "'self'"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", response.text)


# --- App Check -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(keys, running):
    """A service that wants tokens; ``guarded(**settings)`` starts one for each set of settings."""
    needed = {"APP_CHECK": "on", "FIREBASE_PROJECT_ID": PROJECT, "APP_CHECK_JWKS_URL": keys.url}
    return functools.cache(lambda **settings: running(**needed, **settings))


def test_where_tokens_are_needed_and_the_page_gets_none_it_names_the_settings(visit, guarded):
    sites = "https://a.example, https://b.example"
    visitor = visit(guarded(RECAPTCHA_SITE_KEY="site-key", PAGE_FRAME_ANCESTORS=sites).url)
    notice = visitor.page.get_by_role("alert").filter(visible=True)
    expect(notice).to_contain_text("FIREBASE_WEB_API_KEY, FIREBASE_WEB_APP_ID.")
    expect(visitor.page.get_by_role("button", name="Choose photos")).to_be_disabled()
    allowed = policy(requests.get(f"{visitor.url}/", timeout=30))
    assert allowed["script-src"] == "'self'" and allowed["frame-ancestors"] == "https://a.example https://b.example"


class Google:
    """Stands where the browser would meet Google: reCAPTCHA's script, and the exchange of its answer for a token.

    ``tokens`` are given out in turn, the last one again and again; ``exchanges`` are the requests for them.
    """

    SCRIPT = """
      const widgets = {
        ready: (call) => call(),
        render: (container, { sitekey, callback }) => { widgets.callback = callback; widgets.key = sitekey; return 0; },
        execute: async () => { widgets.callback(); return `answer for ${widgets.key}`; },
      };
      window.grecaptcha = Object.assign(widgets, { enterprise: widgets });"""

    def __init__(self, *tokens: str):
        self.tokens, self.exchanges = list(tokens), []

    def watch(self, context) -> None:
        context.route(
            re.compile(r"^https://www\.google\.com/recaptcha/(api|enterprise)\.js"),
            lambda route: route.fulfill(content_type="text/javascript", body=self.SCRIPT),
        )
        context.route("https://content-firebaseappcheck.googleapis.com/**", self._exchange)

    def _exchange(self, route: Route) -> None:
        self.exchanges.append(route.request)
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        route.fulfill(json={"token": token, "ttl": "3600s"}, headers={"Access-Control-Allow-Origin": "*"})


@pytest.mark.parametrize(
    ("kind", "field"), [("v3", "recaptcha_v3_token"), ("enterprise", "recaptcha_enterprise_token")]
)
def test_with_its_settings_the_page_gets_a_token_from_firebases_sdk_and_the_service_takes_it(
    visit, guarded, keys, kind, field
):
    service, google = guarded(**WEB_APP | {"RECAPTCHA_KIND": kind}), Google(keys.token())
    visitor = visit(service.url, prepare=google.watch)
    assert not google.exchanges and not any("vendor" in address for address in visitor.requests)
    expect(visitor.page.locator("#recaptcha-terms")).to_be_visible()
    sent = []
    visitor.page.on("request", lambda request: sent.append(request))  # noqa: PLW0108  Playwright takes no built-in
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    (exchange,) = google.exchanges
    assert f"/projects/{PROJECT}/apps/{APP_ID}:exchange" in exchange.url and "key=web-api-key" in exchange.url
    assert json.loads(exchange.post_data) == {field: "answer for site-key"}
    calls = [request for request in sent if request.method == "POST" and request.url.startswith(service.url)]
    assert [call.headers["x-firebase-appcheck"] for call in calls] == [google.tokens[0]] * 2


def test_where_a_token_is_good_for_one_request_the_page_gets_one_for_each(visit, guarded, keys):
    google = Google(keys.token(jti="first"), keys.token(jti="second"))
    tokens = list(google.tokens)

    def prepare(context) -> None:
        google.watch(context)

        def single_use(route: Route) -> None:
            known = route.fetch()
            known_settings = known.json()
            known_settings["app_check"]["single_use"] = True
            route.fulfill(response=known, json=known_settings)

        context.route("**/page/settings.json", single_use)

    service = guarded(**WEB_APP)
    visitor = visit(service.url, prepare=prepare)
    sent = []
    visitor.page.on("request", lambda request: sent.append(request))  # noqa: PLW0108  Playwright takes no built-in
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    calls = [request for request in sent if request.method == "POST" and request.url.startswith(service.url)]
    assert [call.headers["x-firebase-appcheck"] for call in calls] == tokens


def test_a_token_that_the_service_refuses_is_replaced(visit, guarded, keys):
    google = Google(keys.token(aud=["projects/another"]), keys.token())
    visitor = visit(guarded(**WEB_APP).url, prepare=google.watch)
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    assert len(google.exchanges) == 2


def test_without_a_valid_token_the_page_says_what_the_service_says(visit, guarded, keys):
    visitor = visit(guarded(**WEB_APP).url, prepare=Google(keys.token(aud=["projects/another"])).watch)
    visitor.choose(CAMERA)
    expect(visitor.page.locator("#problem")).to_have_text("The App Check token is not valid for this service.")
    expect(visitor.page.locator("#before")).to_be_visible()


def test_app_check_opens_the_policy_for_google_and_for_nobody_else(guarded):
    allowed = policy(requests.get(f"{guarded(**WEB_APP).url}/", timeout=30))
    hosts = set(re.findall(r"https://([^/ ]+)", " ".join(allowed.values())))
    assert hosts == {
        "www.google.com",
        "www.gstatic.com",
        "recaptcha.google.com",
        "content-firebaseappcheck.googleapis.com",
    }
    assert "unsafe" not in " ".join(allowed.values())
