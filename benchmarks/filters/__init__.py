"""What filters by tags cost."""
