"""One user's data, found and taken out: the database, the lake, the texts beside them."""
