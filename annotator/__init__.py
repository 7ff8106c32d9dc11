"""The Django project of Maskwright and its apps."""
