"""The demo: a made-up problem source, and two tiny language models that really solve some of it."""
