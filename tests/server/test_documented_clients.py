"""The programs of docs/clients.md do what they are there for, as they stand there: against the running service."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.support import needs
from tests.support.client_generators import node_alone, run
from tests.support.service import ROOT

DOCUMENT = (ROOT / "docs/clients.md").read_text()
X, Y = 0.8, 0.9
JSON_JAR = Path("/usr/share/java/json-android.jar")  # Android's own; on Debian: libandroid-json-org-java

_JAVASCRIPT = """
import { openAsBlob } from "node:fs";
import { correct } from "./client.mjs";
const [path, x, y, base, token] = process.argv.slice(2);
const seen = {};
const choose = async (url, colors) => {
  const picture = await fetch(url);
  await picture.blob();
  Object.assign(seen, { first: url, colors, there: picture.status });
  return colors.at(-1).color;
};
const getToken = token ? async () => token : null;
const result = await correct(await openAsBlob(path), Number(x), Number(y), choose, base, getToken);
console.log(JSON.stringify({ ...seen, url: result.url, token: result.deleteToken }));
"""

_KOTLIN = """
import java.io.File
import java.net.HttpURLConnection
import java.net.URL
import org.json.JSONObject

fun main(arguments: Array<String>) {
    val (path, x, y, base) = arguments
    val seen = JSONObject()
    val client = if (arguments[4] == "") Colorize(base) else Colorize(base) { arguments[4] }
    val (url, token) = client.correct(File(path).readBytes(), x.toDouble(), y.toDouble()) { first, colors ->
        val there = (URL(first).openConnection() as HttpURLConnection).responseCode
        seen.put("first", first).put("colors", colors).put("there", there)
        colors.getJSONObject(colors.length() - 1).getString("color")
    }
    println(seen.put("url", url).put("token", token))
}
"""


def block(language: str) -> str:
    """The program in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return found


def javascript(folder: Path, *arguments: str) -> dict:
    (folder / "client.mjs").write_text(block("js"))
    (folder / "main.mjs").write_text(_JAVASCRIPT)
    return json.loads(run(node_alone(), folder / "main.mjs", *arguments))


def kotlin(folder: Path, *arguments: str) -> dict:
    compiler, java = needs.program("kotlinc", package="kotlin"), needs.program("java", package="kotlin")
    if not JSON_JAR.exists():
        needs.missing(f"{JSON_JAR} is missing; on Debian: apt-get install libandroid-json-org-java")
    jar = folder / "client.jar"
    if not jar.exists():
        (folder / "client.kt").write_text(block("kotlin"))
        (folder / "main.kt").write_text(_KOTLIN)
        run(compiler, "-cp", JSON_JAR, folder / "client.kt", folder / "main.kt", "-include-runtime", "-d", jar)
    return json.loads(run(java, "-cp", f"{jar}:{JSON_JAR}", "MainKt", *arguments))


def python(folder: Path, path: str, x: str, y: str, base: str, token: str) -> dict:
    program, seen = {}, {}
    exec(compile(block("python"), "docs/clients.md", "exec"), program)

    def choose(url: str, colors: list[dict]) -> str:
        seen.update(first=url, colors=colors, there=requests.get(url, timeout=30).status_code)
        return colors[-1]["color"]

    get_token = (lambda: token) if token else None
    url, delete_token = program["correct"](path, float(x), float(y), choose, base, get_token)
    return seen | {"url": url, "token": delete_token}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clients")


CLIENTS = {"js": javascript, "kotlin": kotlin, "python": python}
LANGUAGES = pytest.mark.parametrize(
    "language", ["js", "python", pytest.param("kotlin", marks=pytest.mark.slow, id="kotlin")]
)


def test_every_documented_program_is_run():
    assert set(re.findall(r"^```(\w+)$", DOCUMENT, re.MULTILINE)) == set(CLIENTS)


@LANGUAGES
@pytest.mark.parametrize("api", ["gunicorn"], indirect=True)
def test_a_documented_client_corrects_a_photo_and_leaves_its_result_alone(api, folder, language):
    camera = str(ROOT / "examples" / "camera.jpg")
    done = CLIENTS[language](folder, camera, str(X), str(Y), api.url, api.keys.token())
    assert done["there"] == 200 and len(done["colors"]) >= 2
    result = Image.open(io.BytesIO(requests.get(done["url"], timeout=30).content)).convert("RGB")
    row, column = int(Y * result.height), int(X * result.width)
    there = np.asarray(result)[row - 8 : row + 8, column - 8 : column + 8].mean(axis=(0, 1))
    chosen = np.array([*bytes.fromhex(done["colors"][-1]["color"][1:])])
    assert np.abs(there - chosen).max() < 40
    assert requests.get(done["first"], timeout=30).status_code == 404
    assert requests.delete(done["url"], headers={"X-Delete-Token": done["token"]}, timeout=30).status_code == 204


@LANGUAGES
def test_a_documented_client_says_the_services_own_sentence_of_a_refusal(url, folder, letter_path, language):
    with pytest.raises((AssertionError, RuntimeError), match="The file is not an image"):
        CLIENTS[language](folder, str(letter_path), str(X), str(Y), url, "")
