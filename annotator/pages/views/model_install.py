"""Models > Install, for server admins: which models there are, where one comes from, how far its install is."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from annotator.errors import AppError, InvalidError
from annotator.inference.installing import DOWNLOAD, InstallOrder
from annotator.installs import services as installs
from annotator.jobs.models import Job, JobStatus
from annotator.model_gateway import InstallableModel, find_model
from annotator.pages.access import Context, person, server_admin_page
from annotator.sam_gateway import ModelMissingError

# By the beginning of a model's name; the longest that fits counts.
PURPOSES: dict[str, str | Promise] = {
    "sam_lite": gettext_lazy("The default: quick on any machine, comes with the product"),
    "mobile_sam": gettext_lazy("Small: for machines without a graphics card"),
    "sam_vit_b": gettext_lazy("The first SAM, smallest size: seconds an image without a graphics card"),
    "sam_vit_l": gettext_lazy("The first SAM, middle size: wants a graphics card"),
    "sam_vit_h": gettext_lazy("The first SAM, largest size: wants a graphics card and 8 GB of memory"),
    "sam2": gettext_lazy("SAM 2.1: better masks of few clicks than the first SAM of its size"),
    "sam_hq": gettext_lazy("HQ-SAM: finer edges and thin parts than the first SAM of its size"),
    "sam_tiny_test": gettext_lazy("A miniature for tests: finds nothing"),
}
PHASE_WORDS = {
    "weights": gettext_lazy("Copying the weights"),
    "browser": gettext_lazy("Exporting for browsers"),
    "decoder": gettext_lazy("Exporting the decoder"),
    "encoder": gettext_lazy("Exporting the encoder"),
    "check": gettext_lazy("Checking the result"),
}


@server_admin_page
@require_safe
def install_list(request: HttpRequest) -> HttpResponse:
    """Show the models that can be installed, and the installs that are under way or were the latest."""
    models = installs.list_models()
    rows = [{"model": model, "versions": versions, "purpose": _purpose(model)} for model, versions in models]
    jobs = [{"job": job, "words": _words(job)} for job in installs.latest_jobs()]
    return render(request, "pages/model_installs.html", {"rows": rows, "jobs": jobs, "nav": "models"})


@server_admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def install_form(request: HttpRequest, model_name: str) -> HttpResponse:
    """Show size and licence of one model and where it may come from; POST starts installing it."""
    try:
        model = find_model(model_name)
    except ModelMissingError as error:
        raise Http404(str(error)) from error
    if request.method != "POST":
        return _show_form(request, model)
    try:
        installs.start_install(_read_order(request, model), person(request))
    except AppError as refusal:
        return _show_form(request, model, refusal=refusal.message)
    messages.success(request, _("%(name)s is being installed.") % {"name": model.name})
    return redirect("model_installs")


def _show_form(request: HttpRequest, model: InstallableModel, *, refusal: str = "") -> HttpResponse:
    default = "included" if model.has_own_weights else "internet" if model.url else "file"
    context: Context = {
        "model": model,
        "purpose": _purpose(model),
        "refusal": refusal,
        "source": request.POST.get("source", default),
        "given": {name: request.POST.get(name, "") for name in ("mirror", "sha256")},
        "nav": "models",
    }
    return render(request, "pages/model_install.html", context)


def _read_order(request: HttpRequest, model: InstallableModel) -> InstallOrder:
    source = request.POST.get("source", "")
    if source == "file":
        file = request.FILES.get("file")
        if file is None:
            raise InvalidError(_("Choose a weight file."), code="no_file")
        return installs.keep_upload(model.name, file, size=file.size or 0)
    if source == "mirror":
        mirror, digest = (request.POST.get(name, "").strip() for name in ("mirror", "sha256"))
        if not mirror:
            raise InvalidError(_("Give the address of the file, or of the folder that it lies in."), code="bad_address")
        return InstallOrder(name=model.name, mirror=mirror, sha256=digest.lower())
    if source not in ("internet", "included"):
        raise InvalidError(_("Choose where the weights come from."), code="no_source")
    return InstallOrder(name=model.name)


def _purpose(model: InstallableModel) -> str:
    fitting = [start for start in PURPOSES if model.name.startswith(start)]
    return str(PURPOSES[max(fitting, key=len)]) if fitting else model.description


def _words(job: Job) -> str:
    """Return how far an install is, for people; why it failed is told apart."""
    if job.status == JobStatus.PENDING:
        return _("Waiting for the worker")
    if job.status == JobStatus.PAUSED:
        return _("Paused")
    phase = str(job.report.get("phase", ""))
    if phase == DOWNLOAD:
        sizes = {name: filesizeformat(job.report[f"{name}_bytes"]) for name in ("done", "total")}
        return _("Downloading: %(done)s of %(total)s") % sizes
    return str(PHASE_WORDS.get(phase, _("Getting the weights")))
