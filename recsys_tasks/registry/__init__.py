"""The model registry: releases, which of them is champion, and every change on record."""
