// Shows the platform's document. Nothing is loaded from elsewhere, and calls go to the document's server: the gateway.
window.ui = window.SwaggerUIBundle({
  dom_id: '#operations',
  url: '/document.json',
  validatorUrl: null,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: -1,
  displayOperationId: true,
  filter: true,
  persistAuthorization: false,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  responseInterceptor: (response) => {
    if (response.headers && response.headers['lucid-document-state'] === 'last-known') {
      document.querySelector('#notice').textContent = 'openapi-server does not answer: this is the last it said.';
    }
    return response;
  },
});
