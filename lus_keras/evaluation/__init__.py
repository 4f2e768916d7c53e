"""From predictions to tables, figures and reports; nothing here trains or decodes."""
