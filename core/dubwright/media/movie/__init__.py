"""Movies in and out."""

from dubwright.media.movie.preview import AudioTrack, write_picture, write_preview
from dubwright.media.movie.read import MovieInfo, probe_movie, read_frames, read_movie_audio

__all__ = [
    "AudioTrack",
    "MovieInfo",
    "probe_movie",
    "read_frames",
    "read_movie_audio",
    "write_picture",
    "write_preview",
]
