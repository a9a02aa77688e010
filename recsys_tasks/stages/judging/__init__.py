"""What the judge stage measures, beside the stage itself."""
