"""The services of docker-compose.yaml on hosts of one machine that share no disk."""
