"""The wire form of Scaleway's API, as far as their SDKs, ``scw`` and Terraform provider use it.

Paths have no trailing slash; every answer is exactly ``application/json``; POST answers 200, DELETE 204. What any of
it decides stands in ``services``: here is form.
"""
