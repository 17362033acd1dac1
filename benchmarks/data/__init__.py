"""The data that studies and scripts measure on: charged bodies, incomplete observations, clouds, published figures."""
