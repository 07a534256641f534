"""Jobs: a client that does not want to hold a connection gets the usual answer later."""

import time

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.http import NO_SUCH_ID, assert_error
from tests.support.odd_fleet import gray
from tests.support.odd_worker import DEADLY, SLOW
from tests.support.service import wait_until

ASYNC = {"Prefer": "wait=5, Respond-Async;x=1"}


@pytest.fixture
def url(running) -> str:
    return running.urls[0]


def submit(url: str, photo: bytes, **fields: str) -> requests.Response:
    files = {"file": photo} if photo else None
    return requests.post(f"{url}/colorize", files=files, data=fields, headers=ASYNC, timeout=30)


def ended(job: str, seconds: float = 30) -> dict:
    """The job when it has come to its end."""
    wait_until(lambda: requests.get(job, timeout=30).json()["status"] not in ("queued", "working"), seconds)
    return requests.get(job, timeout=30).json()


def test_a_job_becomes_the_usual_answer(running, url, gray_jpeg):
    accepted = submit(url, gray_jpeg)
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["Preference-Applied"] == "respond-async"
    job_id = accepted.json()["job_id"]
    assert accepted.json() == {"job_id": job_id, "status": "queued"}
    assert accepted.headers["Location"] == f"{url}/jobs/{job_id}"
    done = ended(accepted.headers["Location"])
    result = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=30).json()
    assert done["status"] == "done" and set(done["result"]) == set(result)
    assert done["result"]["download_url"] == f"{url}/results/{job_id}.jpg"
    pictures = [requests.get(each["download_url"], timeout=30).content for each in (done["result"], result)]
    assert pictures[0] == pictures[1]
    assert not running.fleet.inbox


def test_an_upload_can_be_a_job(url, gray_jpeg):
    image_id = requests.post(f"{url}/upload", files={"file": gray_jpeg}, timeout=30).json()["image_id"]
    assert ended(submit(url, b"", image_id=image_id).headers["Location"])["status"] == "done"
    assert_error(submit(url, b"", image_id=NO_SUCH_ID), 404)


def test_a_job_fails_with_the_sentence_that_a_client_would_have_got(url, gray_jpeg):
    assert_error(submit(url, b"no picture"), 400)
    failed = ended(submit(url, gray_jpeg[: len(gray_jpeg) // 2]).headers["Location"])
    assert failed["status"] == "failed" and failed["detail"].endswith(".") and "result" not in failed


def test_a_job_whose_worker_is_killed_is_done_by_another(running, url):
    before = running.results()
    job = submit(url, gray(SLOW)).headers["Location"]
    running.worker(running.wait_for_work()).kill()
    running.release()
    assert ended(job)["status"] == "done"
    assert running.results() == before + 1


def test_a_job_whose_message_is_lost_on_its_way_is_sent_again(running, url, gray_jpeg):
    """As one is that Redis hands to a worker at the moment when its connection breaks."""
    before = running.seen(SLOW)
    working = [submit(url, gray(SLOW)).headers["Location"] for _ in running.fleet.workers]
    running.wait_for_work(2)
    job = submit(url, gray(SLOW)).headers["Location"]
    wait_until(lambda: running.board.llen("colorize") == 1, 10)
    running.board.lpop("colorize")
    running.release()
    assert [ended(each)["status"] for each in (*working, job)] == ["done"] * 3
    assert running.seen(SLOW) == before + 3


def test_a_cancelled_job_costs_no_inference_and_leaves_nothing(running, url):
    results, before = running.results(), running.seen(SLOW)
    jobs = [submit(url, gray(SLOW)).headers["Location"] for _ in range(2)]
    running.wait_for_work(2)
    jobs.append(submit(url, gray(SLOW)).headers["Location"])
    assert [requests.get(job, timeout=30).json()["status"] for job in jobs] == ["working", "working", "queued"]
    for job in jobs[1:]:
        assert requests.delete(job, timeout=30).status_code == 204
        assert requests.get(job, timeout=30).json()["detail"] == "The job was cancelled."
    running.release()
    assert ended(jobs[0])["status"] == "done"
    assert requests.delete(jobs[0], timeout=30).status_code == 204
    assert requests.get(jobs[0], timeout=30).json()["status"] == "done", "it was at its end"
    wait_until(lambda: not running.holders() and not running.board.llen("colorize"), 20)
    time.sleep(0.5)
    assert running.seen(SLOW) == before + 2 and running.results() == results + 1 and not running.fleet.inbox


def test_jobs_of_others_cannot_be_guessed_or_made_up(url):
    for job_id in (NO_SUCH_ID, "1", NO_SUCH_ID.upper()):
        assert_error(requests.get(f"{url}/jobs/{job_id}", timeout=30), 404)
        assert_error(requests.delete(f"{url}/jobs/{job_id}", timeout=30), 404)


def test_more_jobs_than_may_wait_are_refused(running, url):
    jobs = [submit(url, gray(SLOW)) for _ in range(2)]
    running.wait_for_work(2)
    jobs += [submit(url, gray(SLOW)) for _ in range(4)]
    running.release()
    assert [job.status_code for job in jobs] == [202] * 5 + [503]
    assert [ended(job.headers["Location"])["status"] for job in jobs[:5]] == ["done"] * 5


def test_the_document_of_a_fleet_is_valid_and_has_jobs(url):
    document = requests.get(f"{url}/openapi.json", timeout=30).json()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert set(document["paths"]["/jobs/{job_id}"]) == {"get", "delete"}
    assert "202" in document["paths"]["/colorize"]["post"]["responses"]


def test_a_job_that_kills_workers_ends_with_a_sentence(running, url):
    job = submit(url, gray(DEADLY)).headers["Location"]
    wait_until(lambda: all(worker.is_dead for worker in running.fleet.workers), 30, running.fleet.log)
    running.fleet.workers[0].start()
    failed = ended(job)
    assert failed["status"] == "failed" and "2 times" in failed["detail"]


def test_without_a_broker_the_preference_is_ignored_and_there_are_no_jobs(serve, gray_jpeg):
    service = serve()
    assert submit(service.url, gray_jpeg).status_code == 200
    assert_error(requests.get(f"{service.url}/jobs/{NO_SUCH_ID}", timeout=30), 404)
    paths = requests.get(f"{service.url}/openapi.json", timeout=30).json()["paths"]
    assert "/jobs/{job_id}" not in paths and "202" not in paths["/colorize"]["post"]["responses"]
