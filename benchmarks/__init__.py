"""Speed and memory of Aisle, side by side with what a user would pick instead."""
