"""What the monitor stage measures, beside the stage itself."""
