"""The operations of the server by the object that they are about. :class:`..app.App` has them all."""
