"""The page for people beside the document for machines: Swagger UI out of this process, where there is no internet."""

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

PAGE, ASSETS = "/docs", "/docs/assets"
#: The package, of which nothing runs, and the folder in it that has Swagger UI's files.
_CARRIED_BY = ("fastapi_swagger", "resources")
_ASKS_NOBODY = {"validatorUrl": None}


def install_docs(app: FastAPI) -> None:
    """`/docs` shows the API, and its browser asks no other host for anything."""
    app.mount(ASSETS, StaticFiles(packages=[_CARRIED_BY]), name="docs_assets")

    async def docs(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{ASSETS}/favicon-32x32.png",
            swagger_ui_parameters=_ASKS_NOBODY,
        )

    app.add_api_route(PAGE, docs, include_in_schema=False)
