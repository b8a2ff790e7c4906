"""The paper's figures: one style, and one module for each figure or group of panels."""
