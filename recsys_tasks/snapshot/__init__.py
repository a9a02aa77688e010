"""From the shop's tables to a frozen, validated snapshot."""
