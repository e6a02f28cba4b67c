"""What users see of one video: tables, subtitles, timelines and the page with a player."""
