"""What points can buy: the catalogue of rewards, with its stock."""
