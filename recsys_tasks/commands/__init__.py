"""What a person or a cron asks for besides the night's stages: look, check, repair, export, erase,
steer.
"""
