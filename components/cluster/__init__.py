"""What a pipeline on a cluster needs in addition: copies of remote artifacts, and what runs remember."""
