"""The models of the course, from counts to diffusion. They know tensors, not files, notebooks or training loops."""
