"""The gazetteer: names, symbols and codes of companies, and finding them in text."""
