"""Where rows come from: files and the simulated shop."""
