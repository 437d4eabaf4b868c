"""The released set: a folder that `load_dataset` reads, its generated card, and the push to the Hub."""
