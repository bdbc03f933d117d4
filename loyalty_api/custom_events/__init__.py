"""What members do beside buying, as clients report it: each event once, and what it earned."""
