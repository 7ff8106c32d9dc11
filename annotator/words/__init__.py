"""The texts of pages, mails and errors in every language: compiling the catalogues, and collecting what they hold."""
