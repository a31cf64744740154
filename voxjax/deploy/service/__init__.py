"""The service: answers over HTTP and WebSocket, for programs."""
