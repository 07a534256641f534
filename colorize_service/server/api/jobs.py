"""Photos that are colorized while their clients do something else: ``/jobs/ID``, where there is a broker."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.http import parse_list_header

from colorize_service.server.api.answers import colorized
from colorize_service.server.api.deleting import token_of
from colorize_service.server.api.forms import link
from colorize_service.server.api.operations import no_content, operation, success
from colorize_service.server.api.schemas import Job, answer
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.engines.protocol import Jobs
from colorize_service.server.parts import parts

blueprint = Blueprint("jobs", __name__)

_NO_JOB = "There is no job with this id."


def wants_job() -> Jobs | None:
    """The jobs, if the current request prefers to be one (RFC 7240, section 4.1) and there are any."""
    preferences = parse_list_header(", ".join(request.headers.getlist("Prefer")))
    prefers = any(each.partition(";")[0].strip().lower() == "respond-async" for each in preferences)
    return parts().jobs if prefers else None


def accepted(job_id: str) -> Response:
    """The answer to a request that has become a job."""
    headers = {"Location": link(f"jobs/{job_id}"), "Preference-Applied": "respond-async"}
    return answer(Job(job_id=job_id, status="queued"), 202, headers | token_of("results", job_id))


@blueprint.get("/jobs/<job_id>")
@operation("Photos", success(Job, "Cache-Control"), errors=(401, 404))
@app_check_required
def job(job_id: str) -> Response:
    """How far is a job?

    For a day from its request. A result is stored before its job is `done`.
    """
    state = _jobs().state(job_id)
    if state is None:
        raise NotFound(_NO_JOB)
    body = Job(job_id=job_id, status=state.status)
    if state.status == "done":
        body = Job(job_id=job_id, status=state.status, result=colorized(job_id))
    elif state.status == "failed":
        body = Job(job_id=job_id, status=state.status, detail=state.detail)
    return answer(body, headers={"Cache-Control": "no-store"})


@blueprint.delete("/jobs/<job_id>")
@operation("Photos", no_content("The job has ended. One that was at its end stays as it was."), errors=(401, 404))
@app_check_required
def cancel(job_id: str) -> Response:
    """Cancel a job.

    Its photo is not colorized, or not to the end, and it becomes `failed`.
    """
    if not _jobs().cancel(job_id):
        raise NotFound(_NO_JOB)
    return Response(status=204)


def _jobs() -> Jobs:
    jobs = parts().jobs
    assert jobs is not None, "without them these addresses are not registered"
    return jobs
