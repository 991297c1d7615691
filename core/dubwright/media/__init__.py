"""Pictures and sound in and out: EXR sequences, movies, audio, colour."""
