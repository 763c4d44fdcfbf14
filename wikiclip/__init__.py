"""The model: frozen encoders, the Vision-Guided Knowledge Adaptor, mentions and masks; tensors in, tensors out."""
