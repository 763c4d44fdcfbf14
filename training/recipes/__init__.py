"""Recipes: a file for each table that is to be reproduced, and what following it would cost."""
