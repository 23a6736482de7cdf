package import LibCurl

extension HTTPClient {
  /// This client as the transport of a ``ServingClient``.
  package var transport: Transport {
    { request in
      let response = try await self.execute(request)
      return APIResponse(
        status: response.status, headers: response.headers, effectiveURL: response.effectiveURL, body: response.body)
    }
  }
}
