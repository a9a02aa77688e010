"""The built-in features, one module a family. To add one, add its entry to its family's module."""
