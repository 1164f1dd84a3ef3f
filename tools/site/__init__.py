"""The site: what stands in the repository, laid out as pages and built by Sphinx. `make site`."""
