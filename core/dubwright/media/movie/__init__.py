"""Movies in and out."""

from dubwright.media.movie.preview import write_picture, write_preview
from dubwright.media.movie.read import (
    MovieInfo,
    movie_audio_format,
    probe_movie,
    read_frames,
    read_movie_audio,
)
from dubwright.media.movie.sound import Sound
from dubwright.media.movie.write import MOVIE_FORMATS, ColourTags, write_movie

__all__ = [
    "MOVIE_FORMATS",
    "ColourTags",
    "MovieInfo",
    "Sound",
    "movie_audio_format",
    "probe_movie",
    "read_frames",
    "read_movie_audio",
    "write_movie",
    "write_picture",
    "write_preview",
]
