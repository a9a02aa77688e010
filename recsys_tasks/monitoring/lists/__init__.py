"""How published lists fare and how they change."""
