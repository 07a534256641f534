"""Schemathesis, with all of its checks, against the running service with the document that it serves. Its cases are
made from the document alone: valid and invalid ones, and chains of calls along the document's links."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.key_server import PROJECT
from tests.support.service import ROOT, Service

PHASES = ("examples", "coverage", "fuzzing", "stateful")
SEED = 1
EXAMPLES = int(os.environ.get("EXAMPLES", "15"))  # of each operation and phase


def test_no_request_made_from_the_document_gets_another_answer_than_it_says(keys, tmp_path):
    settings = {"FIREBASE_PROJECT_ID": PROJECT, "APP_CHECK_JWKS_URL": keys.url, "MAX_PIXELS": 1_000_000}
    with Service(tmp_path, APP_CHECK="on", **settings) as service:
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                ROOT / "tests" / "support" / "schemathesis.toml",
                "run",
                f"{service.url}/openapi.json",
                "--header",
                f"X-Firebase-AppCheck: {keys.token()}",
                "--checks",
                "all",
                "--phases",
                ",".join(PHASES),
                "--max-examples",
                str(EXAMPLES),
                "--seed",
                str(SEED),
                "--generation-database",
                "none",
                "--workers",
                "2",
                "--no-color",
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stdout
    cases = int(re.search(r"(\d+) generated", done.stdout)[1])
    print(f"{cases} cases")
    assert cases >= (800 if EXAMPLES >= 50 else 300)
    assert '"status": 500' not in service.log()
    for path, least in (("/upload", 10), ("/colorize", 10), ("/colors", 5)):
        served = service.log().count(f'"path": "{path}", "status": 200')
        assert served >= least, f"{path}: only {served} photos were good enough to be served"
