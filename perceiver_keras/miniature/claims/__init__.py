"""One module per claim, each with `CLAIM`; `miniature/catalogue.py` lists them."""
