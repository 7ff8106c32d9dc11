"""Addresses of the pages."""

from django.urls import path
from django.views.generic import RedirectView

from annotator.pages.views import (
    account,
    automatic,
    dashboard,
    exports,
    images,
    imports,
    labels,
    members,
    models,
    projects,
    queue,
    workspace,
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="projects"), name="root"),
    path("login/", account.SignIn.as_view(), name="login"),
    path("logout/", account.SignOut.as_view(), name="logout"),
    path("account/", account.account, name="account"),
    path("account/password/", account.ChangePassword.as_view(), name="account_password"),
    path("models/", models.model_list, name="models"),
    path("projects/", projects.project_list, name="projects"),
    path("projects/new/", projects.project_new, name="project_new"),
    path("projects/<int:project_id>/", images.project_home, name="project"),
    path("projects/<int:project_id>/progress/", images.progress, name="project_progress"),
    path("projects/<int:project_id>/start/", images.start_annotating, name="start_annotating"),
    path("projects/<int:project_id>/tags/", images.tag_images, name="tag_images"),
    path("projects/<int:project_id>/settings/", projects.project_settings, name="project_settings"),
    path("projects/<int:project_id>/archive/", projects.archive, name="project_archive"),
    path("projects/<int:project_id>/labels/", labels.label_list, name="labels"),
    path("projects/<int:project_id>/labels/<int:label_id>/", labels.label_edit, name="label"),
    path("projects/<int:project_id>/labels/<int:label_id>/delete/", labels.label_delete, name="label_delete"),
    path("projects/<int:project_id>/members/", members.member_list, name="members"),
    path("projects/<int:project_id>/members/<int:member_id>/", members.member_edit, name="member"),
    path("projects/<int:project_id>/members/<int:member_id>/remove/", members.member_remove, name="member_remove"),
    path("projects/<int:project_id>/queue/", queue.queue_page, name="queue"),
    path("projects/<int:project_id>/review/", queue.review_page, name="review"),
    path("projects/<int:project_id>/review/start/", queue.start_review, name="start_review"),
    path("projects/<int:project_id>/review/<int:image_id>/", queue.decide_review, name="decide_review"),
    path("projects/<int:project_id>/automatic/", automatic.automatic, name="automatic"),
    path("projects/<int:project_id>/dashboard/", dashboard.dashboard, name="dashboard"),
    path("projects/<int:project_id>/exports/", exports.export_list, name="exports"),
    path("projects/<int:project_id>/imports/", imports.import_list, name="imports"),
    path("projects/<int:project_id>/imports/<int:import_id>/", imports.import_page, name="import"),
    path("projects/<int:project_id>/images/<int:image_id>/", workspace.workspace, name="workspace"),
]
