"""The files of a repository that `perceiver init` writes, each with .txt after its name; $NAME is filled in."""
