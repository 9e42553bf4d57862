"""sentiwatch: what news and social posts say about companies and markets, with alerts that carry their evidence."""

__version__ = "0.1.0"
