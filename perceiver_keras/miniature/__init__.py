"""The paper's claims as experiments on this project's own data: `perceiver reproduce miniature`."""
