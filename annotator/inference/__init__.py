"""Model versions, embeddings and the tasks that compute them."""
