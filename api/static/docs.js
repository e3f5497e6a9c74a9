// The API's own documentation, from the installed Swagger UI: offices run on closed networks.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, requestInterceptor: (request) => {
  const csrf = document.querySelector("#docs").dataset.csrf;
  if (csrf) request.headers["X-CSRF-Token"] = csrf;
  return request;
} });
