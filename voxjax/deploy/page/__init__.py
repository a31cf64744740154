"""The page for people: emotions of recordings, and figures of finished runs, in a browser."""
